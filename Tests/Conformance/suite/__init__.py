"""Runs the Autobahn TestSuite through the gateway, and judges what it found."""
