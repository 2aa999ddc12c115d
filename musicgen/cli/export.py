"""musicgen export: write a run as a small model folder, to give to others."""

from omegaconf import DictConfig

from musicgen.cli.shared.application import launch


def export(config: DictConfig) -> None:
    """Write the model folder and say what is in it."""
    from musicgen.pipeline.export import export_run

    model = export_run(config.run, config.to, max_mb=config.max_mb)
    print(f"{model.folder}: {', '.join(model.stages)}, {model.num_bytes / 1e6:.2f} MB")
    print(f"Next: musicgen generate run={model.folder}")


def main() -> None:
    """Run the verb."""
    launch(export, verb="export")
