"""Tokenizers of the three kinds that the families have, trained on a few texts on the spot."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import BpeTrainer, UnigramTrainer, WordPieceTrainer

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
