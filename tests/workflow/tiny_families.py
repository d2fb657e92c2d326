"""Small models of every family, with tokenizers that are trained on a few texts on the spot."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import BpeTrainer, UnigramTrainer, WordPieceTrainer

SIZES = {
    "vocab_size": 90,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 40,
    "type_vocab_size": 2,
}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
ROBERTA = SIZES | {"max_position_embeddings": 42, "type_vocab_size": 1, "pad_token_id": 1}
# The same sizes under each family's keys; positions for 40 tokens.
FAMILY_SIZES: dict[str, dict[str, object]] = {
    "bert": SIZES,
    "ernie": SIZES,
    "roberta": ROBERTA,
    "xlm-roberta": ROBERTA,
    "camembert": ROBERTA,
    "distilbert": {
        "vocab_size": 90,
        "dim": 32,
        "n_layers": 3,
        "n_heads": 4,
        "hidden_dim": 48,
        "max_position_embeddings": 40,
    },
    "electra": SIZES | {"embedding_size": 24},
    # Layers with global, local and global attention, and a window narrower than most examples.
    "modernbert": SIZES
    | SPECIAL
    | {"cls_token_id": 1, "sep_token_id": 2, "local_attention": 5, "global_attn_every_n_layers": 2},
}

BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
MODERNBERT_SPECIAL = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
# By model_type.
KINDS = {
    "bert": "wordpiece",
    "ernie": "wordpiece",
    "distilbert": "wordpiece",
    "electra": "wordpiece",
    "roberta": "byte_level",
    "modernbert": "byte_level",
    "xlm-roberta": "unigram",
    "camembert": "unigram",
}
SPECIALS = dict.fromkeys(KINDS, BERT_SPECIAL) | {
    "roberta": ROBERTA_SPECIAL,
    "xlm-roberta": ROBERTA_SPECIAL,
    "camembert": ROBERTA_SPECIAL,
    "modernbert": MODERNBERT_SPECIAL,
}


def write_checkpoint(folder: Path, family: str, texts: Iterable[str], words: int = 300) -> None:
    """Saves a masked language model with random weights, and a tokenizer of its kind.

    Args:
        words: rows of the table of words; byte-level BPE has 256 before it merges any.
    """
    import torch
    from transformers import AutoConfig, AutoModelForMaskedLM

    write_tokenizer(folder, family, texts, words)
    config = AutoConfig.for_model(family, **FAMILY_SIZES[family] | {"vocab_size": words})
    torch.manual_seed(0)
    model = AutoModelForMaskedLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(2)
    model.save_pretrained(folder)


def write_tokenizer(folder: Path, family: str, texts: Iterable[str], size: int = 90) -> None:
    """Writes tokenizer.json, and the special tokens for transformers, of at most `size` words."""
    kind, specials = KINDS[family], SPECIALS[family]
    made = {"wordpiece": wordpiece, "byte_level": byte_level, "unigram": unigram}[kind]
    tokenizer = made([*texts], size, specials)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {f"{word.strip('[]<>').lower()}_token": word for word in specials}
    for key, word in (("s_token", "cls_token"), ("/s_token", "sep_token")):
        if key in names:
            names[word] = names.pop(key)
    (folder / "tokenizer_config.json").write_text(json.dumps(names))


def wordpiece(texts: list[str], size: int, specials: list[str]) -> Tokenizer:
    """As BERT's: lower case, the words of [CLS] a [SEP] b [SEP]."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(texts, WordPieceTrainer(vocab_size=size, special_tokens=specials))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def byte_level(texts: list[str], size: int, specials: list[str]) -> Tokenizer:
    """As RoBERTa's or ModernBERT's: no word is unknown, as all bytes have one."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts, BpeTrainer(vocab_size=size, special_tokens=specials, initial_alphabet=alphabet)
    )
    if specials == ROBERTA_SPECIAL:
        tokenizer.post_processor = processors.RobertaProcessing(
            ("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False
        )
    else:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
        )
    return tokenizer


def unigram(texts: list[str], size: int, specials: list[str]) -> Tokenizer:
    """As XLM-R's and CamemBERT's, of SentencePiece."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    tokenizer.decoder = decoders.Metaspace()
    trainer = UnigramTrainer(vocab_size=size, special_tokens=specials, unk_token="<unk>")
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    return tokenizer
