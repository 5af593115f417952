"""What providers of models charge, from a list that comes with the installation."""
