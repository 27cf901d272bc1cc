"""Builds the small model's tokenizer: byte-level BPE, lossless for any text."""

from collections.abc import Iterable, Sequence

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

END, PAD = "<|end|>", "<|pad|>"

# A ref (`e12`), a word with what joins it to the one before (` Ada`, `@corp`, `.csv`), up to
# three digits, marks, spaces. No piece spans two words: a word has the same ids everywhere.
_PIECE = (
    r" ?e[1-9][0-9]{0,2}(?![0-9A-Za-z])|[ ./@_-]?\p{L}+| ?\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]|\s"
)


def build_tokenizer(words: Sequence[str], *, num_refs: int) -> PreTrainedTokenizerFast:
    """Train a tokenizer in which each given word, number below 1000 and ref is one token.

    Args:
        words: Words without spaces; each gets its plain, spaced and lower-case forms.
        num_refs: Refs from `e1` on that get a token of their own.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECE), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=20_000,  # never reached: merging stops when every piece is one token
        special_tokens=[PAD, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(words, num_refs), trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
        model_max_length=2048,
    )


def _corpus(words: Sequence[str], num_refs: int) -> Iterable[str]:
    for form in sorted({*words, *(word.lower() for word in words)}):
        yield from (form, f" {form}")
    yield from (".csv", ".json", ".txt", ".pdf", "@corp", ".test")
    for number in range(1000):
        yield f" {number}"
    for ref in range(1, num_refs + 1):
        yield f" e{ref}"
