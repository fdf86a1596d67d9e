"""Helpers of the course: how images, videos and sounds become vectors.

Each room (module) does one thing and can be read on its own:

    media      files in; pictures, frames and waveforms out; every bad file a clear error
    catalog    which files there are and what is known of them
    weights    where a network's weights come from
    encoders   pictures in, embeddings out
    video      videos in, embeddings out
    audio      sounds in, embeddings out
    search     cosine similarity, ranking, and how good a ranking is
    cache      embeddings that are computed once and kept
    cluster    the encoders' work shared out among processes or machines
    spaces     which encoder's vectors may be compared, and an exact search in memory
    store      the same in a vector database (lite: its form as a file)
    unified    one query of any kind, answers of every kind (answers: what comes back)
    explain    which part of an item made a match
    evidence   is the search really good, or only lucky?
    plots      figures
    charts     figures about spaces and databases
    hear       players for sounds, and figures of them
    watch      players for videos, and figures of them
    uploads    a file of one's own, from the browser to a private folder
    cards      an item as a card, and what all boxes of cards have in common
    sheets     the same cards as one picture
    gallery    ranked matches to look at and click through
    compare    rankings of several encoders beside each other
    searchbox  the search box over pictures, films and sounds
    exercises  checks of the exercises
    check      is this computer ready? (python -m course_utils.check)
    classroom  for instructors: a pack for a class without internet, and a fresh start

Nothing is imported here, so `import course_utils` is quick: PyTorch is loaded when the first
encoder is made.
"""

__version__ = "0.1.0"
