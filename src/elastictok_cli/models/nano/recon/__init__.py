"""What a decoder shows: prediction, transforms, the loop filter and colour. Integers only."""
