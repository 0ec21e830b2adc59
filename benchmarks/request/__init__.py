"""What a request costs apart from drawing and encoding."""
