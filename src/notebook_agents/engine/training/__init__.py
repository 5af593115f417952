"""Data generator, trainer, exporter and evaluation of the bundled model."""
