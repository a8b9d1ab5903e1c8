"""The parts of `make teach` and `make pdf` (book/teach.py): read the notebooks, write what a course needs."""
