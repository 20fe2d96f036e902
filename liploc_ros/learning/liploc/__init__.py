"""The method of LIP-Loc (arXiv 2312.16648): one embedding per camera image, and one per range image."""
