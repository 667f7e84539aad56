"""What a decoder shows: prediction, transforms, filters and colour. Knows nothing of the search."""
