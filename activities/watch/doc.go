// Package watch makes releases of revisions of Cloud Run that somebody has deployed without
// traffic. It reads what is deployed and what is configured, and asks for releases; it writes to
// no platform.
package watch
