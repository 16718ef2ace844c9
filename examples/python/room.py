"""OmenDB from Python: requests to write, pandas from an Arrow stream to read.

Run it:  npx omendb serve &   then
         python -m venv venv && venv/bin/pip install requests pandas pyarrow
         venv/bin/python examples/python/room.py        (OMENDB_URL, OMENDB_TOKEN)
"""

import os

import pyarrow.ipc
import requests

url = os.environ.get("OMENDB_URL", "http://127.0.0.1:8080")
session = requests.Session()
if token := os.environ.get("OMENDB_TOKEN"):
    session.headers["Authorization"] = f"Bearer {token}"


def check(answer: requests.Response) -> requests.Response:
    """A refused request says what is wrong, and where."""
    if not answer.ok:
        raise SystemExit(answer.json()["detail"])
    return answer


# Columns: the fast form for many points of one series.
points = {
    "table": "example_py",
    "tags": {"floor": "1"},
    "time": [1790000000000 + 60_000 * minute for minute in range(180)],
    "fields": {"temperature": [20 + minute / 100 for minute in range(180)]},
}
print(check(session.post(f"{url}/v1/points", json=points)).json())

# A query, for a few values: JSON.
request = {"table": "example_py", "select": {"mean": "mean(temperature)"}, "every": "1h"}
print(check(session.post(f"{url}/v1/query", json=request)).json()["series"][0]["fields"])

# Many rows: an Arrow stream straight into pandas, times and integers exact.
query = {"table": "example_py", "format": "arrow"}
with check(session.get(f"{url}/v1/export", params=query, stream=True)) as answer:
    frame = pyarrow.ipc.open_stream(answer.raw).read_pandas()
print(frame.set_index("time").resample("1h")["temperature"].agg(["count", "mean"]))

check(session.delete(f"{url}/v1/tables/example_py"))
