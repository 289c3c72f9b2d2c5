"""The running browsers: kept ready, checked and replaced."""
