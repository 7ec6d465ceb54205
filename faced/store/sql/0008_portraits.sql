-- Portraits: pictures that a user put into the people folder to say who somebody is. They are read and encoded as
-- photos are, from a row of `libraries` that is never listed: nothing links to them and nobody counts them.

-- 1: its root is the people folder, and its photos are portraits.
ALTER TABLE libraries ADD COLUMN portraits INTEGER NOT NULL DEFAULT 0;

CREATE TABLE portraits (
  photo INTEGER PRIMARY KEY REFERENCES photos (id) ON DELETE CASCADE,
  first_seen INTEGER NOT NULL,    -- UTC nanoseconds
  is_old INTEGER NOT NULL,        -- 1: it was there when the table was first filled, so the journal may know of it
  image TEXT,                     -- key of the image of which it was said whose it is; NULL: nothing was said yet
  person INTEGER REFERENCES persons (id) -- whose, then
) STRICT;
