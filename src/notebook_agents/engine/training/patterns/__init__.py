"""Phrasings of requests, one file per family of intents, split once into training and held out."""
