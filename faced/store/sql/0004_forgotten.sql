-- What `faced forget` took is not to come back: the fold over the edits of kind `forget`, kept (see store/forgetting.py).
-- Such an edit is the only one that changes the lines of others in `edits`: what it took is struck out of them.

-- Pictures that are not looked at any more, until that is lifted.
CREATE TABLE forgotten_images (
  image TEXT PRIMARY KEY          -- key of the image
) STRICT, WITHOUT ROWID;

-- Faces of forgotten persons in pictures that show others too: whatever is found there again is let go.
CREATE TABLE forgotten_faces (
  image TEXT NOT NULL,            -- key of the image
  box_left REAL NOT NULL,         -- fractions of the stored picture's width and height
  box_top REAL NOT NULL,
  box_width REAL NOT NULL,
  box_height REAL NOT NULL,
  PRIMARY KEY (image, box_left, box_top, box_width, box_height)
) STRICT, WITHOUT ROWID;
