"""vLLM servers that longhop starts: one supervisor a machine keeps them for all who hold a lease.

    >>> spec = ServerSpec(model="org/model", replicas=2, gpus=(0, 1), max_model_len=135_168)
    >>> spec.check(os.environ)                     # EngineError says what can be found wrong without starting
    >>> with lease(spec, work) as servers:         # starts them, or finds them; waits until they answer
    ...     servers.urls                           # one address a replica
    ...     servers.check()                        # those that answer now; EngineError when none will any more
    ['http://127.0.0.1:40001/v1', 'http://127.0.0.1:40002/v1']

Who is who: `spec` says what is served and by which command; `lease` is the clients' side; `supervisor` is the process
that they share, with `fleet` (the servers of a spec) and `server` (one of them); `guard` is the process that runs a
server and ends all that it started; `messages` is what they say to each other.
"""

from longhop.serving.lease import Servers, keep, lease
from longhop.serving.messages import Settings
from longhop.serving.spec import ServerSpec, check_together

__all__ = ["ServerSpec", "Servers", "Settings", "check_together", "keep", "lease"]
