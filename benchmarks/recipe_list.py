"""Every recipe: how it is run on MNIST and on the digits, and what is expected of it.

This is the one place for expectations: the tables of recipes/README.md and the answer of
`recipes.py --check` both come from here. A new recipe is a row in recipes_expected/, in the file of
its kind; the tables have the order of the files and of the rows.
"""

from recipes_expected.deployment import DEPLOYMENT
from recipes_expected.distribution import DISTRIBUTION
from recipes_expected.networks import NETWORKS
from recipes_expected.optimization import OPTIMIZATION

RECIPES = (*NETWORKS, *OPTIMIZATION, *DEPLOYMENT, *DISTRIBUTION)
