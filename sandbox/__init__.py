"""Run one trial confined and bounded, and report what was and was not protected."""
