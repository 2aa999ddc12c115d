import pytest
import torch

from musicgen.models.bottlenecks.library import LibraryQuantizer

pytest.importorskip("vector_quantize_pytorch", reason="pip install 'musicgen-lab[quantizers]'")
KINDS = [("VectorQuantize", 1), ("SimVQ", 1), ("LFQ", 1), ("LFQ", 2), ("ResidualVQ", 1), ("ResidualVQ", 2)]


@pytest.mark.parametrize(("kind", "codebooks"), [*KINDS, ("ResidualSimVQ", 2)])
def test_codes_lead_to_what_the_decoder_was_given(kind, codebooks) -> None:
    quantizer = LibraryQuantizer(kind=kind, num_embeddings=16, embedding_dim=8, codebooks=codebooks).eval()
    latents = torch.randn(3, 8, 11, 1)

    output = quantizer(latents)

    assert output.codes.shape == (3, 11, codebooks)
    assert torch.equal(quantizer.encode(latents), output.codes)
    assert quantizer.vocabulary(positions=11).codes_per_slice == 11 * codebooks
    looked_up = quantizer.lookup(output.codes)
    torch.testing.assert_close(looked_up, output.latents.flatten(2).mT, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("kind", "codebooks"), [one for one in KINDS if one[0] != "LFQ"])
def test_training_brings_latents_nearer_to_their_codes(kind, codebooks) -> None:
    quantizer = LibraryQuantizer(kind=kind, num_embeddings=16, embedding_dim=8, codebooks=codebooks)
    points = torch.randn(4, 8)
    latents = torch.nn.Parameter(points[torch.randint(4, (16, 11))].permute(0, 2, 1)[..., None].contiguous())
    optimizer = torch.optim.Adam([latents, *quantizer.parameters()], lr=0.05)
    distances = []
    for _ in range(60):
        output = quantizer(latents)
        error = (output.latents - latents.detach()).square().mean()
        distances.append(error.item())
        optimizer.zero_grad()
        (output.loss + error).backward()
        optimizer.step()

    assert distances[-1] < 0.7 * distances[0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "KMeans"}, "quantizer.kind=KMeans is unknown; use VectorQuantize"),
        ({"codebooks": 2}, "SimVQ has one codebook; use ResidualVQ or LFQ"),
        ({"colour": 3}, "SimVQ does not take {'colour': 3}"),
        ({"num_embeddings": 1}, "size=1 of a codebook"),
    ],
)
def test_what_the_library_does_not_have_is_refused(settings, said) -> None:
    with pytest.raises(ValueError, match=said):
        LibraryQuantizer(**settings)
