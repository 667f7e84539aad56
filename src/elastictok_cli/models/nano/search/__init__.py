"""The search of the encoder: motion, transform sizes and quantised levels. A decoder loads none of it."""
