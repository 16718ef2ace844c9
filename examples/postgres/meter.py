"""OmenDB from psycopg 3 and pandas: a day of two meters over PostgreSQL's wire.

Run it:  npx omendb serve --pg-port 5432 &   then
         python -m venv venv && venv/bin/pip install 'psycopg[binary]' pandas
         venv/bin/python examples/postgres/meter.py        (DATABASE_URL)
"""

import os
from datetime import datetime, timedelta, timezone

import pandas
import psycopg

url = os.environ.get("DATABASE_URL", "postgresql://omendb@127.0.0.1:5432/default")
start = datetime(2026, 9, 21, tzinfo=timezone.utc)
end = start + timedelta(days=1)

with psycopg.connect(url, autocommit=True) as db:
    # The tags of a series and its time are the key; everything else is measured.
    db.execute("""
        CREATE TABLE example_meter (
            time timestamptz, meter text, watts float8, PRIMARY KEY (meter, time))
    """)

    # COPY: the fast way in. The same rows again are the same points.
    with db.cursor() as cursor:
        with cursor.copy("COPY example_meter (meter, time, watts) FROM STDIN") as copy:
            for meter, base in ("cellar", 120), ("roof", -450):
                for minute in range(24 * 60):
                    at = start + timedelta(minutes=minute)
                    copy.write_row((meter, at, base + minute % 60))

    # One question for a data frame: hours, by a range of time in parameters.
    answer = db.execute(
        """
        SELECT time_bucket('1 hour', time) AS hour, meter, avg(watts) AS watts
        FROM example_meter WHERE time >= %s AND time < %s
        GROUP BY hour, meter ORDER BY hour
        """,
        (start, end),
    )
    names = [column.name for column in answer.description]
    frame = pandas.DataFrame(answer.fetchall(), columns=names)
    hours = frame.pivot(index="hour", columns="meter", values="watts")
    print(hours.resample("6h").mean())

    # More rows than memory: a cursor of the server brings a thousand at a time.
    with db.transaction(), db.cursor(name="walk") as cursor:
        cursor.itersize = 1000
        cursor.execute("SELECT watts FROM example_meter ORDER BY time")
        energy = sum(watts for (watts,) in cursor) / 60_000
    print(f"{energy:.2f} kWh")

    db.execute("DROP TABLE example_meter")
