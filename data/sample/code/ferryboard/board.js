"use strict";

const fs = require("fs");
const config = require("./config.json");
const { propose } = require("./schedule.js");

/**
 * Read reports. There are three kinds of line:
 *   fog ISLAND = METRES
 *   wish BOAT > ISLAND @ MINUTES # CERTIFICATE
 *   hands = NUMBER
 * Anything else is taken to be verse and is left out.
 */
function parse(text) {
  const fog = {};
  const wishes = [];
  let hands = 0;
  for (const line of text.split("\n")) {
    let m;
    if ((m = line.match(/^fog (.+) = (\d+)$/))) {
      fog[m[1]] = Number(m[2]);
    } else if ((m = line.match(/^wish (.+) > (.+) @ (\d+) # (\d+)$/))) {
      wishes.push({
        boat: m[1],
        island: m[2],
        ready: Number(m[3]),
        certificate: Number(m[4]),
      });
    } else if ((m = line.match(/^hands = (\d+)$/))) {
      hands = Number(m[1]);
    }
  }
  return { fog, wishes, hands };
}

/** One line of the board, padded so that it can be read from a boat. */
function show(p) {
  const flag = p.late ? "LATE" : "    ";
  const leave = String(p.leave).padStart(4);
  const arrive = String(p.arrive).padStart(4);
  return `${leave} ${p.boat.padEnd(16)} ${p.island.padEnd(16)} ${arrive} ${flag}`;
}

function main(path) {
  const { fog, wishes, hands } = parse(fs.readFileSync(path, "utf8"));
  const limit = config.board.hours_ahead * 60;
  const lines = propose(wishes, fog, hands)
    .filter((p) => p.leave <= limit)
    .slice(0, config.board.lines)
    .map(show);
  console.log(lines.length ? lines.join("\n") : "Nothing is proposed. There is tea.");
}

if (require.main === module) {
  main(process.argv[2]);
}

module.exports = { parse, show };
