from hypothesis import given
from hypothesis import strategies as st

from musicgen.data.store.texts import CompressedTexts


@given(st.lists(st.binary(max_size=40), max_size=100), st.randoms())
def test_texts_come_back_by_number_in_any_order(given_texts: list[bytes], random):
    texts = CompressedTexts()
    for text in given_texts:
        texts.append(text)
    assert len(texts) == len(given_texts)
    for number in [*range(len(texts)), *random.sample(range(len(texts)), len(texts))]:
        assert texts[number] == given_texts[number]
