"""What each client did, as rows of one table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    client: str
    protocol: str
    requests: int
    # Of these, those that a backend took after it had verified their signature.
    verified: int
    remark: str = ""

    def is_full(self) -> bool:
        return self.requests == self.verified > 0


def print_table(rows: list[Row]):
    cells = [("client", "protocol", "requests", "verified", "")]
    for row in rows:
        remark = row.remark if row.is_full() else f"MISSED {row.remark}"
        requests, verified = f"{row.requests:,}", f"{row.verified:,}"
        cells.append((row.client, row.protocol, requests, verified, remark))
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    for client, protocol, requests, verified, remark in cells:
        line = f"{client:<{widths[0]}}  {protocol:<{widths[1]}}  {requests:>{widths[2]}}"
        print(f"{line}  {verified:>{widths[3]}}  {remark}".rstrip())
