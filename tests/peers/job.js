// What all Node clients have in common: the arguments, and a way to end. Prints one line of JSON with what was seen.
"use strict";

const seconds = Number(process.env.PATIENCE || 60);
const [, , url, token, page, downloads] = process.argv;

async function run(work) {
  const timer = setTimeout(() => fail(new Error(`it took more than ${seconds} s`)), seconds * 1000);
  try {
    console.log(JSON.stringify(await work({ url, token, page, downloads })));
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

const wait = (condition) =>
  new Promise((resolve, reject) => {
    const began = Date.now();
    const look = () => {
      const found = condition();
      if (found) resolve(found);
      else if (Date.now() - began > seconds * 1000) reject(new Error("it did not come"));
      else setTimeout(look, 20);
    };
    look();
  });

module.exports = { run, seconds, wait };
