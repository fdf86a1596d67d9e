"""Helpers of the course: how images, videos and sounds become vectors.

Each room (module) does one thing and can be read on its own. From the ground floor up:

    session     who sits in front, and where files are found and kept
    media       files in; pictures, frames and waveforms out; every bad file a clear error
    search      cosine similarity, the top k, moving a query, fusing rankings
    catalog     which files there are and what is known of them
    weights     where a network's weights come from
    cache       embeddings that are computed once and kept
    encoders    pictures and videos in, embeddings out
    audio       sounds in, embeddings out
    evaluation  is the search really good, or only lucky? which part made a match?
    store       which vectors may be compared; a search in memory, or in a vector database
    unified     one query of any kind, answers of every kind
    figures     every drawing of the course
    players     thumbnails, and players for sounds and films
    recorder    camera, microphone and own files in the browser
    boxes       ranked matches to look at and click through
    exercises   checks of the exercises
    check       is this computer ready? (python -m course_utils.check)
    classroom   for instructors: a pack for a class without internet, and a fresh start
    cluster     the encoders' work shared out among processes or machines

Nothing is imported here, so `import course_utils` is quick: PyTorch is loaded when the first
encoder is made.
"""

__version__ = "0.1.0"
