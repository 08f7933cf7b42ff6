def cached(split, folder):
    raise NotImplementedError
