"""The dialect of the AI-Agent-API-Service REST endpoints."""
