"""What the encoder decides: motion, modes, transform sizes and quantised levels. A decoder loads none of it."""
