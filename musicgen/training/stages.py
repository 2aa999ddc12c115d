"""The networks that a run trains, in their order."""

TITLES = {"vq_vae": "VQ-VAE", "transformer": "Transformer"}
TRAINED = tuple(TITLES)
