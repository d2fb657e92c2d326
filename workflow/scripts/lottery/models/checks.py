"""Checks of a checkpoint: weights fit the config and are numbers, the tokenizer is transformers'.

A checkpoint that can be read but means something else than its user thinks would give results
without a word. What headers show is checked while a run is planned; values and tokens are checked
once, when the model is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery import files
from lottery.files.errors import StudyError
from lottery.files.reading import GIVEN, one_line, reading
from lottery.models.architecture import Architecture, full_plan
from lottery.models.families import CONSTANT, Family
from lottery.models.shapes import parameter_shapes

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
WEIGHTS = "model.safetensors"
# What transformers reads of a tokenizer.
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "*.model",
)
# All files of a checkpoint that are read: what is fetched of a hub model, and what of a folder is
# compared with before.
FILES = (CONFIG, "*.safetensors", "*.safetensors.index.json", *TOKENIZER_FILES)
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
FLOATS = ("F64", "F32", "F16", "BF16")
# Buffers that old versions of transformers saved with the weights.
BUFFERS = ("position_ids", "token_type_ids")
OLD_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
# What config.json calls the rows of a table.
TABLES = {
    "embeddings.word.weight": "vocab_size",
    "embeddings.position.weight": "max_position_embeddings",
    "embeddings.token_type.weight": "type_vocab_size",
}
TEXTS = (
    "",
    "a",
    "The Cat sat; it didn't MOVE.",
    "Caf\u00e9 na\u00efve \u00dcber \u00c5ngstr\u00f6m \u0130stanbul stra\u00dfe",
    "Cafe\u0301 nai\u0308ve",
    "\u4f60\u597d\uff0c\u4e16\u754c \u3053\u3093\u306b\u3061\u306f \uc548\ub155",
    "\u0645\u0631\u062d\u0628\u0627 \u0928\u092e\u0938\u094d\u0924\u0947",
    "\u041f\u0440\u0438\u0432\u0435\u0442 \u0395\u03bb\u03bb\u03ac\u03b4\u03b1",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f",
    " two  spaces\tand\na line break ",
    "3,141.59 $5 50% e-mail@x.org http://a.b/c?d=e #tag",
    "zero\u200bwidth soft\u00adhyphen nul\u0000char",
    "antidisestablishmentarianism" * 5,
    "many words " * 300,
)


def shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Names and shapes of what a checkpoint brings, in the names of `models.encoder.Encoder`."""
    drawn = architecture.family.drawn
    every = parameter_shapes(architecture, 1, full_plan(architecture))
    return {name: shape for name, shape in every.items() if name.rpartition(".")[0] not in drawn}


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that hold a checkpoint's weights.

    Raises:
        StudyError: there is none, or one that the index names is missing or in another folder.
    """
    index = folder / INDEX
    if (folder / WEIGHTS).exists():
        return [folder / WEIGHTS]
    if index.exists():
        names = files.read_json(index, GIVEN)
        names = names.get("weight_map") if isinstance(names, dict) else None
        if not isinstance(names, dict) or not all(isinstance(v, str) for v in names.values()):
            raise StudyError(f"{index} holds no weight_map from tensors to files.")
        shards = sorted(set(names.values()))
        for shard in shards:
            if shard in ("", ".", "..") or "/" in shard or "\\" in shard:
                raise StudyError(
                    f"{index} names {shard!a}; allowed are names of files in the same folder."
                )
            if not (folder / shard).exists():
                raise StudyError(f"{index} names {shard}, which is not in {folder}.")
        return [folder / shard for shard in shards]
    others = [path.name for kind in ("*.safetensors", *PICKLED) for path in folder.glob(kind)]
    instead = f" (but {sorted(others)[0]})" if others else ""
    raise StudyError(
        f"{folder} has neither {WEIGHTS} nor {INDEX}{instead}; pickled weights are not loaded."
    )


def headers(paths: list[Path]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The dtype and shape of every tensor, read from the headers of safetensors files.

    Raises:
        StudyError: a file is damaged, or two files hold the same tensor.
    """
    from safetensors import SafetensorError, safe_open

    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    for path in paths:
        with (
            reading(path, "safetensors", SafetensorError, advice=GIVEN),
            safe_open(str(path), "numpy") as file,
        ):
            for name in file.keys():  # noqa: SIM118  the file is no mapping
                if name in found:
                    raise StudyError(f"{path}: {name} is in another file of the model, too.")
                part = file.get_slice(name)
                found[name] = (part.get_dtype(), tuple(part.get_shape()))
    return found


def check_headers(folder: Path, architecture: Architecture) -> None:
    """Checks names, shapes and dtypes of a checkpoint's weights against its config.

    Raises:
        StudyError: one sentence with the two numbers, or with the tensor that is missing, that
            nothing reads, that is there twice, or that holds no floats.
    """
    config = folder / CONFIG
    found: dict[str, tuple[str, str, tuple[int, ...]]] = {}
    for stored, entry in headers(weight_files(folder)).items():
        name = _plain(stored, architecture)
        if name in found:
            raise StudyError(
                f"{folder}: {found[name][0]} and {stored} are two names of the same tensor; the "
                "weights may have one of them."
            )
        found[name] = (stored, *entry)
    family = architecture.family
    named = {
        family.checkpoint_name(name): (name, shape) for name, shape in shapes(architecture).items()
    }
    expected = {
        name.removeprefix(family.prefix): entry
        for name, entry in family.joined(named, _one_below_the_other).items()
    }
    _check_layers(config, found, architecture)
    for name, (ours, shape) in expected.items():
        if name not in found:
            if ours.startswith("pooler"):
                continue  # checkpoints of the bare encoder have no head
            raise StudyError(f"{folder}: the weights lack {name}, which {CONFIG} asks for.")
        stored, dtype, theirs = found[name]
        if dtype not in FLOATS:
            raise StudyError(
                f"{folder}: {stored} holds {dtype}; weights are one of {', '.join(FLOATS)}."
            )
        if theirs != shape:
            raise StudyError(_mismatch(config, stored, TABLES.get(ours), shape, theirs))
    pooler = [name for name, (ours, _) in expected.items() if ours.startswith("pooler")]
    if lacking := [name for name in pooler if name not in found]:
        for name in pooler:
            if name in found:
                raise StudyError(
                    f"{folder}: the weights have {found[name][0]} and lack {lacking[0]}; they may "
                    "have both or neither."
                )
    parts = {name.split(".")[0] for name in expected}
    for name, (stored, *_) in found.items():
        known = name in expected or name.rsplit(".", 1)[-1] in BUFFERS
        if not known and name.split(".")[0] in parts:
            raise StudyError(f"{folder}: nothing reads {stored}; {CONFIG} does not ask for it.")


def _one_below_the_other(
    parts: list[tuple[str, tuple[int, ...]]],
) -> tuple[str, tuple[int, ...]]:
    """The name of the first of some parts, and the shape of them all in one tensor."""
    (name, shape), *_ = parts
    return name, (sum(rows for _, (rows, *_) in parts), *shape[1:])


def _mismatch(
    config: Path, name: str, key: str | None, shape: tuple[int, ...], theirs: tuple[int, ...]
) -> str:
    if key and theirs[1:] == shape[1:]:
        return f"{config}: {key} is {shape[0]}; the weights ({name}) have {theirs[0]} rows."
    return f"{config} makes {name} a tensor of {list(shape)}; the weights have {list(theirs)}."


def _check_layers(config: Path, found: Mapping[str, Any], architecture: Architecture) -> None:
    family = architecture.family
    names = [re.escape(name) for name in family.parts.values() if "{}" in name]
    names += [re.escape(name) for name in family.fused]
    pattern = re.compile("|".join(names).replace(r"\{\}", r"(?:\d+)"))
    layers = len({re.findall(r"\d+", name)[0] for name in found if pattern.match(name)})
    if layers and layers != architecture.layers:
        raise StudyError(
            f"{config}: {family.layers_key} is {architecture.layers}; the weights have {layers} "
            "layers."
        )


def _plain(name: str, architecture: Architecture) -> str:
    """A tensor's name as today's checkpoints of the bare encoder have it."""
    name = name.removeprefix(architecture.family.prefix)
    for old, new in OLD_NAMES.items():
        if name.endswith(old):
            name = name.removesuffix(old) + new
    return name


def check_values(arrays: Mapping[str, np.ndarray], source: str | Path) -> None:
    """Checks that weights are finite, that matrices vary and that no scale is zero throughout.

    A matrix of one number passes on nothing, nor does a LayerNorm whose weight is zero. A table of
    token types may be constant: models that were trained without them have a table of zeros.

    Args:
        arrays: parameters by the names of a checkpoint, float32.
        source: what the message names.

    Raises:
        StudyError: the first tensor that is not as it should be.
    """
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            what = "NaN" if np.isnan(array).any() else "an infinite number"
            raise StudyError(f"{source}: the tensor {name} holds {what}.")
        scale = array.ndim == 1 and name.endswith(".weight")  # of a norm
        matrix = array.ndim > 1 and array.size > 1 and "token_type" not in name
        if (matrix and np.ptp(array) == 0) or (scale and not array.any()):
            number = array.flat[0]
            raise StudyError(f"{source}: the tensor {name} is {number:g} throughout.")


def transformers_tokenizer(folder: Path) -> Any:
    """The tokenizer of a checkpoint as transformers reads it.

    Raises:
        StudyError: it cannot.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the library raises nothing narrower
        raise StudyError(
            f"{folder}: transformers cannot read its tokenizer ({one_line(error)})."
        ) from error


def check_tokens(tokenizer: Tokenizer, folder: Path, family: Family, read_from: str) -> None:
    """Compares a tokenizer with transformers' own for the same folder, on fixed texts and pairs.

    Args:
        tokenizer: as the study uses it, without truncation and padding.
        folder: of the checkpoint.
        family: of the model that reads the tokens.
        read_from: the file that the tokenizer was made from.

    Raises:
        StudyError: the two give other tokens, or special tokens are missing.
    """
    theirs = transformers_tokenizer(folder)
    places = f"{folder / read_from} and transformers' tokenizer (tokenizer_config.json, {CONFIG})"
    texts = TEXTS[1:]  # transformers takes an empty second text for none
    pairs = [*zip(texts, reversed(texts), strict=True)]
    for given in (*TEXTS, *pairs):
        words: Sequence[Any] = (given,) if isinstance(given, str) else given
        ours = tokenizer.encode(*words)
        reference = theirs(*words, verbose=False)
        tokens = theirs.convert_ids_to_tokens(reference["input_ids"])
        if ours.ids != reference["input_ids"]:
            raise StudyError(
                f"{places} do not agree: of {_quoted(words)} they make {_shown(ours.tokens)} and "
                f"{_shown(tokens)}."
            )
        types = reference.get("token_type_ids")
        if types is not None and ours.type_ids != types:
            raise StudyError(f"{places} give {_quoted(words)} other token types.")
        if types is not None and any(types) and family.token_types == CONSTANT:
            raise StudyError(
                f"{folder}: transformers' tokenizer gives {_quoted(words)} token types other than "
                "0; models of this family are studied with type 0 alone."
            )
    _check_special(tokenizer, folder, family, read_from)


def _check_special(tokenizer: Tokenizer, folder: Path, family: Family, read_from: str) -> None:
    """Single texts and pairs carry the special tokens that the family was trained with."""
    single, pair = tokenizer.encode("a"), tokenizer.encode("a", "a")
    bare = len(tokenizer.encode("a", add_special_tokens=False).ids)
    added = [len(single.ids) - bare, len(pair.ids) - 2 * bare]
    first_is_special = single.special_tokens_mask[:1] == [1]
    needed = [family.least_tokens(texts) - texts for texts in (1, 2)]
    if added != needed or not first_is_special or single.special_tokens_mask[-1] != 1:
        raise StudyError(
            f"{folder / read_from} adds {added[0]} special tokens to a text and {added[1]} to a "
            f"pair; the model needs {' and '.join(family.layouts)}: it has no fitting "
            "post_processor."
        )


def _quoted(texts: Sequence[str]) -> str:
    return " and ".join(ascii(text[:40]) for text in texts)


def _shown(tokens: list[str]) -> str:
    return " ".join(tokens[:12]) + (" ..." if len(tokens) > 12 else "")
