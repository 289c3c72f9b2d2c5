"use strict";

// The tide as two waves, the moon's and the sun's.
onmessage = ({ data }) => {
  const heights = [];
  for (let minute = 0; minute <= 24 * 60; minute += 20) {
    const hour = minute / 60 + data.day * 0.8;
    heights.push(2.3 + 1.6 * Math.cos((2 * Math.PI * hour) / 12.42) + 0.5 * Math.cos((2 * Math.PI * hour) / 12));
  }
  const top = Math.max(...heights);
  const at = heights.indexOf(top) * 20;
  const clock = `${String(Math.floor(at / 60)).padStart(2, "0")}:${String(at % 60).padStart(2, "0")}`;
  postMessage({ heights, high: clock, metres: top.toFixed(1) });
};
