"""Localization on drives that the model never saw: single images, tracking, false accepts and times."""
