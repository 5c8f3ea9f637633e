// Keeps the numbers of the home page up to date.
const places = ["connected", "expected", "success", "pending"].map((id) => document.getElementById(id));

async function refresh() {
  try {
    const answer = await fetch("/api/notifications/stats");
    if (!answer.ok) return;
    const { websocket, delivery } = await answer.json();
    const values = [websocket.connected, websocket.expected, delivery.success_rate, delivery.pending];
    places.forEach((place, index) => { place.textContent = values[index]; });
  } catch {
    // Courier is away; the next look will tell.
  }
}

if (places.every((place) => place)) setInterval(refresh, 2000);
