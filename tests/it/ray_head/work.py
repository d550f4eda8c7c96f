"""What a notebook does on a Ray cluster: a function and an object of the cluster's own."""

import ray

ray.init("ray://127.0.0.1:10001", log_to_driver=False)


@ray.remote
def next_of(number):
    return number + 1


@ray.remote
class Counter:
    def __init__(self):
        self.count = 0

    def add(self, number):
        self.count += number
        return self.count


counter = Counter.remote()
ray.get(counter.add.remote(2))
print("answers", ray.get(next_of.remote(41)), ray.get(counter.add.remote(3)))
