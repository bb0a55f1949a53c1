-- Workspaces of rooms in the file store: which tree of each is whole there.

-- `version` counts the trees; at 0 a pod has begun to put objects. `sweep` counts the sweeps that have begun; while
-- `sweeping_until` is not over, no new tree is named here. The row of a deleted room stays until its objects are gone.
CREATE TABLE workspace_mirrors (
    room_id text COLLATE "C" PRIMARY KEY REFERENCES rooms,
    version bigint NOT NULL DEFAULT 0 CHECK (version >= 0),
    tree text COLLATE "C" NOT NULL DEFAULT '',
    pod text NOT NULL,
    at timestamptz NOT NULL,
    files bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    conflicts text[] NOT NULL DEFAULT '{}',
    sweep bigint NOT NULL DEFAULT 0,
    sweeping_until timestamptz,
    swept_at timestamptz NOT NULL,
    CHECK ((version = 0) = (tree = ''))
);
CREATE INDEX workspace_mirrors_swept ON workspace_mirrors (swept_at);
