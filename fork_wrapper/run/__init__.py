"""The main job: render, launch, follow, judge, archive."""
