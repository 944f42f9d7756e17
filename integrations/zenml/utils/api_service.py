"""Starts the HTTP service: `python utils/api_service.py [options of undertone serve]`."""
import sys

from undertone_zenml import program

if __name__ == "__main__":
    program.hand_over("serve", sys.argv[1:])
