"""Helpers of the course: how images, videos and sounds become vectors.

Each room (module) does one thing and can be read on its own. From the ground floor up:

    session (where things are), media (files in; pictures, frames, waveforms out), search (ranking),
    vision (what torchvision gives)
    catalog (which files there are), weights (of networks), cache (vectors computed once)
    encoders (pictures and films), audio (sounds), evaluation (is the search any good, and why?)
    store (vectors in a database), unified (any query, answers of every kind), figures, players
    recorder (camera, microphone, own files), boxes (galleries to click through), exercises
    check (is this computer ready?), classroom (for instructors), cluster (on many machines)

Nothing is imported here, so `import course_utils` is quick: PyTorch is loaded when the first
encoder is made.
"""

__version__ = "0.1.0"
