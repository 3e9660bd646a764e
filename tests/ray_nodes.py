"""A local Ray cluster of two nodes with a CPU each, in a process of its own: Ray forks, which JAX forbids.

It writes the cluster's address and the process numbers of both nodes as JSON, removes the second node without warning
when it reads ``remove``, and ends with its input. Both nodes have this machine's address, and Ray attaches a command to
the first of them; Ray 2.40 took the second, which no command can survive: the test of a lost node needs a newer one.
"""

from __future__ import annotations

import json
import sys

from ray.cluster_utils import Cluster

NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}

if __name__ == "__main__":
    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    second = cluster.add_node(**NODE)
    cluster.wait_for_nodes()
    raylets = [node.all_processes["raylet"][0].process.pid for node in (cluster.head_node, second)]
    sys.stdout.write(json.dumps({"address": cluster.address, "raylets": raylets}) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        if line == "remove\n":
            cluster.remove_node(second, allow_graceful=False)
    cluster.shutdown()
