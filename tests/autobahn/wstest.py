"""Runs the Autobahn suite out of a folder that `pip install --target` filled: wstest.py SITE ARGUMENTS...

Python 2.7. The folder has to be added as a site folder, since namespace packages in it come as .pth files.
"""
import site
import sys

folder = sys.argv.pop(1)
site.addsitedir(folder)
sys.path.insert(0, folder)

from autobahntestsuite.wstest import run  # noqa: E402

sys.exit(run())
