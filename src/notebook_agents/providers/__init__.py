"""Models that somebody else serves: OpenAI-compatible endpoints and Anthropic."""
