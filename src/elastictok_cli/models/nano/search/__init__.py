"""What the encoder decides: motion, transform sizes and quantised levels. A decoder loads none of it."""
