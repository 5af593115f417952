"""The wire APIs: thin translations between five documents and one core."""
