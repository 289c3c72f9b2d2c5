"use strict";

const byId = (id) => /** @type {any} */ (document.getElementById(id));
const tonnes = new Intl.NumberFormat("en-GB");

async function get(path) {
  const response = await fetch(path);
  if (!response.ok) {
    throw new Error(`${path}: ${response.status}`);
  }
  return response.json();
}

function cell(text, className) {
  const element = document.createElement("td");
  element.textContent = text;
  element.className = className || "";
  return element;
}

async function showShips() {
  const ships = await get("/api/ships");
  byId("ships").tBodies[0].replaceChildren(...ships.map((ship) => {
    const row = document.createElement("tr");
    const state = document.createElement("span");
    state.className = `state ${ship.state}`;
    state.textContent = ship.state;
    const last = cell("");
    last.append(state);
    row.append(cell(ship.name, "name"), cell(ship.flag), cell(ship.cargo), cell(tonnes.format(ship.tons), "number"),
      cell(ship.berth, "number"), cell(ship.eta), last);
    return row;
  }));
  byId("count").textContent = ships.length;
  byId("moored").textContent = `${ships.filter((ship) => ship.state === "moored").length} moored`;
  console.log("arrivals", ships.length, { first: ships[0].name });
}

async function showCargo() {
  const cargo = await get("/api/manifest"); // redirects to /api/cargo
  byId("cargo-in").textContent = tonnes.format(cargo.in);
  byId("cargo-out").textContent = tonnes.format(cargo.out);
}

async function showCustoms() {
  const customs = await get("/api/customs"); // slow
  byId("customs").textContent = customs.cleared;
  byId("customs").className = "";
  byId("customs-note").textContent = `cleared, ${customs.waiting} waiting`;
}

function showTide() {
  const worker = new Worker("/tide.js");
  worker.onmessage = ({ data }) => {
    const points = data.heights.map((height, index) => `${(index / (data.heights.length - 1)) * 300},${92 - height * 18}`);
    byId("tide").innerHTML =
      `<polygon points="0,100 ${points.join(" ")} 300,100"></polygon><polyline points="${points.join(" ")}"></polyline>`;
    byId("tide-note").textContent = `high water ${data.high}, ${data.metres} m`;
    worker.terminate();
  };
  worker.postMessage({ day: 17 });
}

function listen() {
  const socket = new WebSocket(`ws://${location.host}/radio`);
  const hear = (text, className) => {
    const line = document.createElement("li");
    line.textContent = text;
    line.className = className;
    byId("radio").append(line);
  };
  socket.onopen = () => {
    const call = "Ever Patient, requesting pilot at the fairway buoy.";
    hear(call, "out");
    socket.send(call);
  };
  socket.onmessage = ({ data }) => hear(data, "in");
}

function countVisits() {
  const visits = Number(localStorage.getItem("visits") || 0) + 1;
  localStorage.setItem("visits", String(visits));
  document.cookie = "watch=morning; path=/; SameSite=Lax";
  byId("visits").textContent = visits === 1 ? "first visit" : `visit ${visits}`;
}

countVisits();
listen();
showTide();
showShips();
showCargo();
showCustoms();

// What goes wrong on real pages.
get("/api/berth-13").catch((error) => console.error("berth 13:", error.message));
console.warn("The crane at berth 4 reports a low battery: 11 %");
setTimeout(function dockCrane() {
  const crane = undefined;
  crane.dock(); // an uncaught TypeError
}, 300);
