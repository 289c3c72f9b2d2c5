// What all Node clients have in common: what they are told, a deadline, a way to end. Prints one line of JSON with what
// was seen.
"use strict";

const http = require("http");

const told = JSON.parse(process.argv[2]);
const { token, by } = told;
const patience = told.patience * 1000;

// How the token is presented.
const headers = token && by === "header" ? { Authorization: `Bearer ${token}` } : {};
const query = token && by === "query" ? `?token=${token}` : "";

async function run(work) {
  const timer = setTimeout(() => fail(new Error(`it took more than ${told.patience} s`)), patience);
  try {
    console.log(JSON.stringify(await work({ ...told, headers, query })));
    clearTimeout(timer);
    process.exit(0);
  } catch (error) {
    fail(error);
  }
}

function fail(error) {
  console.error(error);
  process.exit(1);
}

// Tell that we are in; where many are to be there at once, the answer comes when all of them are.
const enter = () =>
  new Promise((resolve, reject) => {
    http.get(told.gate, (answer) => answer.resume().on("end", resolve)).on("error", reject);
  });

const wait = async (condition) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
};

module.exports = { enter, patience, run, wait };
