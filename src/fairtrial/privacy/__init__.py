"""Personal data: found before it is published, and raters published only in crowds."""
