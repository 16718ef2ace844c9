-- What psycopg 3.1.7 sends for TypeInfo, EnumInfo, CompositeInfo and RangeInfo, from the log of a PostgreSQL 15.18.

--> psycopg
SELECT
	    typname AS name, oid, typarray AS array_oid,
	    oid::regtype::text AS regtype, typdelim AS delimiter
	FROM pg_type t
	WHERE t.oid = 'timestamp with time zone'::regtype
	ORDER BY t.oid;

--> psycopg
SELECT name, oid, array_oid, array_agg(label) AS labels
	FROM (
	    SELECT
	        t.typname AS name, t.oid AS oid, t.typarray AS array_oid,
	        e.enumlabel AS label
	    FROM pg_type t
	    LEFT JOIN  pg_enum e
	    ON e.enumtypid = t.oid
	    WHERE t.oid = 'cpu'::regtype
	    ORDER BY e.enumsortorder
	) x
	GROUP BY name, oid, array_oid;

--> psycopg
SELECT
	    t.typname AS name, t.oid AS oid, t.typarray AS array_oid,
	    t.oid::regtype::text AS regtype,
	    coalesce(a.fnames, '{}') AS field_names,
	    coalesce(a.ftypes, '{}') AS field_types
	FROM pg_type t
	LEFT JOIN (
	    SELECT
	        attrelid,
	        array_agg(attname) AS fnames,
	        array_agg(atttypid) AS ftypes
	    FROM (
	        SELECT a.attrelid, a.attname, a.atttypid
	        FROM pg_attribute a
	        JOIN pg_type t ON t.typrelid = a.attrelid
	        WHERE t.oid = 'cpu'::regtype
	        AND a.attnum > 0
	        AND NOT a.attisdropped
	        ORDER BY a.attnum
	    ) x
	    GROUP BY attrelid
	) a ON a.attrelid = t.typrelid
	WHERE t.oid = 'cpu'::regtype;

--> psycopg
SELECT t.typname AS name, t.oid AS oid, t.typarray AS array_oid,
	    t.oid::regtype::text AS regtype,
	    r.rngsubtype AS subtype_oid
	FROM pg_type t
	JOIN pg_range r ON t.oid = r.rngtypid
	WHERE t.oid = 'cpu'::regtype;
