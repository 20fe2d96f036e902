"""LIP-Loc's own recipe (arXiv 2312.16648): one embedding a camera image, and one a range image."""
