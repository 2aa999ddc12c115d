"""Charts for TensorBoard's custom scalars: one a metric, with the curves of all runs in it."""

from collections.abc import Sequence

from pytorch_lightning.loggers import Logger, TensorBoardLogger

# Category -> title of a chart -> the curves in it, by the names of metrics.json.
CHARTS = {
    "Against the baselines": {
        "BCE": ["vq_vae/val/bce", "baseline/pitch/bce", "baseline/constant/bce"],
    },
    "VQ-VAE": {
        "BCE, held out": ["vq_vae/val/bce"],
        "BCE, training": ["vq_vae/train/bce"],
        "Perplexity of the codes": ["vq_vae/val/perplexity"],
        "Codes used": ["vq_vae/val/codes_used"],
        "F1 of cells, onsets, notes": ["vq_vae/val/cell_f1", "vq_vae/val/onset_f1", "vq_vae/val/note_f1"],
    },
    "Transformer": {
        "Nats a code, held out": ["transformer/val/nats_per_code"],
        "Nats a code, training": ["transformer/train/nats_per_code"],
        "Bits a quarter, held out": ["val/bits_per_quarter"],
    },
}


def log_layout(loggers: Sequence[Logger]) -> None:
    """Give TensorBoard the charts; runs that give the same ones share them.

    Args:
        loggers: Those of a run; TensorBoard's among them take it.
    """
    layout = {
        category: {title: ["Multiline", [f"^{name}$" for name in names]] for title, names in charts.items()}
        for category, charts in CHARTS.items()
    }
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_custom_scalars(layout)
            logger.experiment.close()  # the curves of each stage begin an event file of their own
