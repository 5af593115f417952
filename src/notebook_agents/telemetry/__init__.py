"""What happened, told to any collector that speaks OTLP; read from the event log."""
