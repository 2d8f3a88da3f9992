import assert from "node:assert/strict";
import { test } from "node:test";
import { strftime } from "./strftime.ts";

const formats = [
  "%Y-%m-%d",
  "%-d %B %Y",
  "%j %U %W %e %D %F",
  "%-m/%-d/%y",
  "%H:%M:%S|%I %p|%-I%p|%k|%l",
  "%A %a %b %h %u %w",
  "%c|%x|%X|%R|%T|%r",
  "100%% %_d %0e %-j",
];

/** [year, month, day, hour, minute, second], and what Python 3 writes for each format. */
const times: readonly (readonly [time: readonly number[], texts: readonly string[]])[] = [
  [
    [2026, 1, 4, 0, 5, 9],
    [
      "2026-01-04",
      "4 January 2026",
      "004 01 00  4 01/04/26 2026-01-04",
      "1/4/26",
      "00:05:09|12 AM|12AM| 0|12",
      "Sunday Sun Jan Jan 7 0",
      "Sun Jan  4 00:05:09 2026|01/04/26|00:05:09|00:05|00:05:09|12:05:09 AM",
      "100%  4 04 4",
    ],
  ],
  [
    [2024, 12, 31, 23, 59, 1],
    [
      "2024-12-31",
      "31 December 2024",
      "366 52 53 31 12/31/24 2024-12-31",
      "12/31/24",
      "23:59:01|11 PM|11PM|23|11",
      "Tuesday Tue Dec Dec 2 2",
      "Tue Dec 31 23:59:01 2024|12/31/24|23:59:01|23:59|23:59:01|11:59:01 PM",
      "100% 31 31 366",
    ],
  ],
  [
    [2023, 1, 1, 12, 0, 0],
    [
      "2023-01-01",
      "1 January 2023",
      "001 01 00  1 01/01/23 2023-01-01",
      "1/1/23",
      "12:00:00|12 PM|12PM|12|12",
      "Sunday Sun Jan Jan 7 0",
      "Sun Jan  1 12:00:00 2023|01/01/23|12:00:00|12:00|12:00:00|12:00:00 PM",
      "100%  1 01 1",
    ],
  ],
  [
    [2025, 7, 6, 9, 30, 0],
    [
      "2025-07-06",
      "6 July 2025",
      "187 27 26  6 07/06/25 2025-07-06",
      "7/6/25",
      "09:30:00|09 AM|9AM| 9| 9",
      "Sunday Sun Jul Jul 7 0",
      "Sun Jul  6 09:30:00 2025|07/06/25|09:30:00|09:30|09:30:00|09:30:00 AM",
      "100%  6 06 187",
    ],
  ],
];

test("times are written as Python writes them", () => {
  for (const [[year = 0, month = 0, ...rest], texts] of times) {
    const time = new Date(year, month - 1, ...rest);
    assert.deepEqual(
      formats.map((format) => strftime(time, format)),
      texts,
    );
  }
});

test("what is no code stays, and a time without a zone names none", () => {
  assert.equal(strftime(new Date(2026, 0, 1), "%Q 5% %-q [%z%Z]"), "%Q 5% %-q []");
});
